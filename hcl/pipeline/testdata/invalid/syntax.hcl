job "build" {
  machine = true
  step "run" {
    command = "unclosed
  }
}
