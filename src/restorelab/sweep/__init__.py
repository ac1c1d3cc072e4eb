"""Many runs from one command: what is asked, which runs that makes, and doing them."""
