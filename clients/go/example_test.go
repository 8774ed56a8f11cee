package onar_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
)

// endpoints of the cluster that the examples use: "localhost:4600" and so on.
var endpoints = func() []string {
	server, err := startServer()
	if err != nil {
		log.Fatal(err)
	}
	return []string{server.address}
}()

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	client, err := onar.Dial(ctx, onar.Options{Endpoints: endpoints})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if _, err := client.Put(ctx, "greeting", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	entry, err := client.Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(entry.Exists, string(entry.Value))
	// Output: true hello
}

// An outcome is one of three.
func ExampleClient_Add() {
	ctx := context.Background()
	client, err := onar.New(onar.Options{Endpoints: endpoints})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	sum, err := client.Add(ctx, "visits", 1)
	var notDone *onar.NotDoneError
	var unknown *onar.UnknownError
	switch {
	case err == nil:
		fmt.Println("done:", sum.Number)
	case errors.Is(err, onar.ReasonNotANumber):
		fmt.Println("the key holds something else")
	case errors.As(err, &notDone):
		fmt.Println("definitely not done:", notDone.Reason)
	case errors.As(err, &unknown):
		fmt.Println("it may have been done, or may yet be:", unknown.Reason)
	}
	// Output: done: 1
}

// Read, change, write back if nobody else did meanwhile.
func ExampleClient_CompareAndSet() {
	ctx := context.Background()
	client, err := onar.New(onar.Options{Endpoints: endpoints})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if _, err := client.Put(ctx, "list", []byte("a")); err != nil {
		log.Fatal(err)
	}
	for {
		entry, err := client.Get(ctx, "list")
		if err != nil {
			log.Fatal(err)
		}
		longer := append(entry.Value, 'b')
		answer, err := client.CompareAndSet(ctx, "list", onar.IfVersion(entry.Version), longer)
		if err != nil {
			log.Fatal(err)
		}
		if answer.Swapped {
			fmt.Println(string(longer))
			return
		}
	}
	// Output: ab
}
