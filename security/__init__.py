"""The security settings of an instance, and everything that follows from them."""
