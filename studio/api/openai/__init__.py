"""OpenAI's images API, `/v1`, for programs that speak it. Its words are translated here and nowhere
else."""
