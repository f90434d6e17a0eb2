"""What was found out about implementations, as text, HTML, JUnit XML and curves."""
