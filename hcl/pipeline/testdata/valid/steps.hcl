# Steps as a parameter: those of the call, none where it says so, else the default.
command "around" {
  parameter "inside" {
    type = steps
    default {
      step "greet" {}
    }
  }
  step "run" { command = "echo before" }
  step "steps" { steps = parameter.inside }
}

command "greet" {
  step "run" { command = "echo hello" }
}

job "build" {
  machine = true
  step "around" {}
  step "around" {
    steps "inside" {}
  }
  step "around" {
    steps "inside" {
      step "checkout" {}
    }
  }
}

workflow "main" {
  job "build" {}
}
