"""What is seen: widgets and text, the lasting output, tables, reports and plots."""
