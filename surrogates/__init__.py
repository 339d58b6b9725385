"""Models that learn a table: features, gradient boosting, kernel regression, and what they predict."""
