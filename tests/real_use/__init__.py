"""What real files, commands, students and habits did: one test or more for each line A1..D7 of README.md beside."""
