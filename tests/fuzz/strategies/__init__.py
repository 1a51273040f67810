"""What an attacker, an old client or an old version may hand to the functions."""
