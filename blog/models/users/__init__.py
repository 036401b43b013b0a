"""Users: accounts, bylines, passwords, sessions, invitations and sign-in limits."""
