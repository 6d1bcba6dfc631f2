setup = true

job "decide" {
  machine = true
  step "run" {
    command = "echo setup is ${pipeline.in_setup}"
  }
}

workflow "setup" {
  job "decide" {}
}
