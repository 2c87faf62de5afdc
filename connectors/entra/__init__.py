"""Microsoft Entra ID, by Microsoft Graph v1.0: who works here, and what stops an account that has been taken over."""
