"""An invoice for people and for accounting programs: PDF, XML and CSV, each made from the JSON document alone."""
