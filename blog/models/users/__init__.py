"""People: accounts, passwords, sessions, invitations and sign-in limits."""
