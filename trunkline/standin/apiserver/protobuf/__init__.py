"""The binary form in which kubectl 1.32 sends built-in kinds (`kubectl create`); read only, answers are always JSON."""
