job "build" {
  machine = true
  step "run" {
    for_each  = 5
    condition = "yes"
    command   = "x"
  }
}

workflow "main" {
  job "build" {
    matrix {
      parameters = { a = ["1"], b = [] }
    }
  }
  job "build" {
    for_each = ["x"]
    matrix {
      parameters = { a = ["1", "2"] }
      exclude    = [{ b = "1" }]
    }
  }
}
