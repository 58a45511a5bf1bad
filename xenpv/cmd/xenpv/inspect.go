package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

func inspectCommand() *cobra.Command {
	var options image.OpenOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE...",
		Short: "Identify kernels and show which boot methods can start them",
		Long: `Identify kernels and show which boot methods can start them.

FILE is an ELF or a Linux bzImage, plain or compressed with gzip, bzip2, xz,
lzma, lzo, lz4 or zstd, or a tar (plain or compressed) or zip archive of one. It can
also be a raw disk. "-" is standard input.

For one FILE, prints all details or, with --json, an object. For several, prints a
table with one line for each: whether it boots, is refused or is unreadable and,
unless it boots, the first reason. With --json, prints an array with one object for each
FILE, with the path in "file" and, if the file can't be read, the reason in "error".

Exit status: 0 if all kernels can be started once they are wrapped; 3 if
any kernel can't be started by any method; 2 if any file can't be read,
regardless of the others.`,
		Example: `  xenpv inspect mir-www.xen.bz2
  curl -s https://example.com/web.xen.gz | xenpv inspect -
  xenpv inspect --json hello.img | jq -r .system
  xenpv inspect images/*
  xenpv inspect --json images/* | jq -r '.[] | select(.pvgrub) | .file'
  xenpv inspect vmlinuz && xenpv wrap vmlinuz -o disk.img`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return inspectAll(cmd, args, options, asJSON)
			}
			reporter := progress.To(cmd.ErrOrStderr(), "xenpv: ")
			defer reporter.Done()
			options.Progress = reporter.Report
			path, remove, err := openInput(cmd, args[0])
			if err != nil {
				return err
			}
			defer remove()
			return inspect(cmd.Context(), cmd.OutOrStdout(), path, options, asJSON)
		},
	}
	cmd.Flags().StringVar(&options.Member, "member", "", "`path` of the kernel in FILE, if FILE is an archive with several kernels")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object, or an array of them")
	return cmd
}

func inspect(ctx context.Context, out io.Writer, path string, options image.OpenOptions, asJSON bool) error {
	report, err := xenpv.Inspect(ctx, path, options)
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(out, report)
	} else {
		err = writeTable(out, report)
	}
	if err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	if !report.Bootable() {
		return errRefused
	}
	return nil
}

func writeJSON(out io.Writer, value any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// writeTable prints the report for a person: a line for each field that is set, with
// the names of the JSON form.
func writeTable(out io.Writer, r *xenpv.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, printable(value))
		}
	}
	row("pvgrub", summary(r))
	row("methods", methods(r))
	row("system", r.System)
	row("boot", r.Boot)
	row("format", r.Format)
	row("arch", r.Arch)
	row("guest_os", r.GuestOS)
	row("loader", r.Loader)
	row("xen_version", r.XenVersion)
	row("source", r.Source)
	row("compression", r.Compression)
	row("archive", r.Archive)
	row("member", r.Member)
	row("payload", strings.TrimSpace(r.Payload+" "+r.PayloadCompression))
	row("kernel_size", strconv.FormatInt(r.KernelSize, 10)+" bytes")
	for _, p := range r.Problems {
		row("problem", p.Code+": "+p.Text)
	}
	for _, p := range r.Warnings {
		row("warning", p.Code+": "+p.Text)
	}
	return w.Flush()
}

// methods lists the boot methods that can boot the image.
func methods(r *xenpv.Report) string {
	var names []string
	for _, m := range r.Methods {
		if m.OK {
			names = append(names, m.Method)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func summary(r *xenpv.Report) string {
	if r.PVGRUB {
		return "yes, PV-GRUB can start it"
	}
	return "no, PV-GRUB can't start it"
}

// printable quotes text from an image that could control a terminal.
func printable(text string) string {
	for _, c := range text {
		if !unicode.IsPrint(c) {
			return strconv.Quote(text)
		}
	}
	return text
}
