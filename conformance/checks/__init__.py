"""The checks behind the rules, by what they try on the target."""
