"""Reports on implementations as text, HTML, JUnit XML and curves."""
