//! What a push and a pull cost, in statements.
