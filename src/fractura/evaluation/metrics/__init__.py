"""What is measured of cases: each function makes one section of a scorecard."""
