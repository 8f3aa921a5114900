"""A sample of the requests on its way to its judgements: who is drawn, what is asked, what is said of it."""
