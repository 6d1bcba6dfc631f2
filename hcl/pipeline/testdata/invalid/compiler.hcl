import "node" {
  version = "5"
}

job "build" {
  machine = true
  docker { image = "x" }
  paralelism = 4
  step "run" {
    command           = "go test"
    no_output_timeout = "soon"
  }
  step "save_cache" { key = "x" }
}

workflow "main" {
  job "build" { requires = ["build"] }
}
