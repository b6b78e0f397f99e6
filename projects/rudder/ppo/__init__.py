"""PPO with and without RUDDER, on any gymnax environment."""
