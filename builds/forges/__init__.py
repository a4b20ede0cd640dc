"""Forges: GitHub, GitLab and Gitea tell of pushes; what they tell is proved, kept, and built."""
