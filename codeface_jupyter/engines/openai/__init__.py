"""An engine on another machine: any server that speaks OpenAI's HTTP API."""
