"""Words, colours and markup."""
