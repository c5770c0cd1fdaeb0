"""What external programs say, as units that rules judge; one module a program."""
