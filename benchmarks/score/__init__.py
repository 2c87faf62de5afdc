"""How right: a labelled organisation through the whole pipeline, and what was found of what should be found."""
