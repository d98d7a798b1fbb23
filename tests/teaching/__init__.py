"""Claims, predictions and questions."""
