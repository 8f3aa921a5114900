"""`rollguard evaluate`: a sample of the requests is judged, and what judges say becomes feedback."""
