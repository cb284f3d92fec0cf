"""What several metrics share: blocked passes over pairs, moments, linear algebra."""
