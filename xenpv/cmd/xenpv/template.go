package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/unikernel-ami/packer-plugin-unikernel/templates"
)

func templateCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "template [SYSTEM]",
		Short: "Print a Packer template to start from",
		Long: `Print a Packer template to start from.

SYSTEM is the unikernel system that the image is built with. Without it, prints
the systems that have a template.

Exit status: 0 on success; 2 if there is no such template.`,
		Example: `  xenpv template
  xenpv template ling > web.pkr.hcl
  xenpv template "$(xenpv inspect --json web.img | jq -r .system)"`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: templates.Systems(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listTemplates(cmd.OutOrStdout(), asJSON)
			}
			text, err := templates.Get(args[0])
			if err != nil {
				return err
			}
			return printTemplate(cmd.OutOrStdout(), args[0], text, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, or an array of the systems")
	return cmd
}

func listTemplates(out io.Writer, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(out, templates.Systems())
	} else {
		_, err = fmt.Fprintln(out, strings.Join(templates.Systems(), "\n"))
	}
	if err != nil {
		return fmt.Errorf("print systems: %w", err)
	}
	return nil
}

func printTemplate(out io.Writer, system, text string, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(out, struct {
			System   string `json:"system"`
			Template string `json:"template"`
		}{system, text})
	} else {
		_, err = io.WriteString(out, text)
	}
	if err != nil {
		return fmt.Errorf("print template: %w", err)
	}
	return nil
}
