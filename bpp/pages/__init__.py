"""The HTML that people see who were told an address: forms, thanks and tickets."""
