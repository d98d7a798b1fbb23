"""Labs: what is judged, how, and that nothing of a submission reaches its judge."""
