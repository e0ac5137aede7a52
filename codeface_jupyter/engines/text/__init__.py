"""Token ids to text and back, for every engine that decodes in this process."""
