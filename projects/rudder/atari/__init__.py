"""PPO with and without RUDDER on the Atari games."""
