//! For people: the command line of operators.
