"""Egnyte: its audit stream, from the HTTP answer to the events topic, and what one of its events says."""
