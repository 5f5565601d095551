"""What the scenarios stand on: processes, Redis, nodes, publishers, viewers, and the judging of what was measured."""
