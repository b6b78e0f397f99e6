"""RUDDER with deep policies: PPO, PPO with redistribution, Atari."""
