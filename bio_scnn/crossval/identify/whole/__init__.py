"""Live layers in whole numbers: recognised, driven with whole numbers, and stepped bit for bit."""
