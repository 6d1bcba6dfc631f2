job "build" {
  machine    = true
  paralelism = 4
  step "run" {
    command           = "go test"
    no_output_timeout = "soon"
  }
  step "run" {
    condition = false
    comand    = "not run, and wrong"
  }
  step "save_cache" { key = "x" }
}

workflow "main" {
  job "build" {
    for_each = ["a", "b"]
    requires = ["nobody"]
  }
}
