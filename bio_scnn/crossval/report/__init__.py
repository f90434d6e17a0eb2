"""A report for people and machines: text, page, plots, JUnit."""
