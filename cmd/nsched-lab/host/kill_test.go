package host_test

func drive() {}
