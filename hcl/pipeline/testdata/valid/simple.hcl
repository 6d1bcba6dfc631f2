job "build" {
  docker { image = "golang:1.26" }

  step "checkout" {}
  step "run" { command = "go build ./..." }
  step "run" {
    name              = "Test"
    command           = "go test ./... <<EOF\nEOF"
    no_output_timeout = "20m"
    when              = "always"
    environment       = { CGO_ENABLED = "0" }
  }
}

workflow "main" {
  job "build" {}
}
