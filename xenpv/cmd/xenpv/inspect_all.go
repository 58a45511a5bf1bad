package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// errUnreadable ends a command that has already printed which files can't be read.
var errUnreadable = errors.New("an image can't be read")

// An inspected is one of several files. Its JSON form is a contract, like that of
// [xenpv.Report], whose fields it includes.
type inspected struct {
	File string `json:"file"`
	*xenpv.Report
	Error string `json:"error,omitempty"` // if there is no report
}

func inspectAll(cmd *cobra.Command, paths []string, options image.OpenOptions, asJSON bool) error {
	reporter := progress.To(cmd.ErrOrStderr(), "xenpv: ")
	defer reporter.Done()
	total := totalSize(paths)
	var all []inspected
	var done int64
	for _, path := range paths {
		reporter.Report("inspect", done, total)
		all = append(all, inspectOne(cmd, path, options))
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		done += fileSize(path)
	}
	reporter.Done()
	write := writeLines
	if asJSON {
		write = func(out io.Writer, all []inspected) error { return writeJSON(out, all) }
	}
	if err := write(cmd.OutOrStdout(), all); err != nil {
		return fmt.Errorf("print reports: %w", err)
	}
	return worst(all)
}

func inspectOne(cmd *cobra.Command, path string, options image.OpenOptions) inspected {
	input, remove, err := openInput(cmd, path)
	if err != nil {
		return inspected{File: path, Error: err.Error()}
	}
	defer remove()
	report, err := xenpv.Inspect(cmd.Context(), input, options)
	if err != nil {
		return inspected{File: path, Error: err.Error()}
	}
	return inspected{File: path, Report: report}
}

// totalSize returns the size in bytes of the files that exist.
func totalSize(paths []string) int64 {
	var total int64
	for _, path := range paths {
		total += fileSize(path)
	}
	return total
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// writeLines prints a table with one line for each file.
func writeLines(out io.Writer, all []inspected) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FILE\tRESULT\tSYSTEM\tBOOT\tARCH\tSIZE\tPROBLEM")
	for _, i := range all {
		if i.Report == nil {
			fmt.Fprintf(w, "%s\tunreadable\t-\t-\t-\t-\t%s\n", printable(i.File), printable(i.Error))
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.2f MiB\t%s\n", printable(i.File), i.result(),
			i.System, i.Boot, cmp.Or(i.Arch, "-"), float64(i.KernelSize)/(1<<20), i.problem())
	}
	return w.Flush()
}

func (i inspected) result() string {
	if i.Bootable() {
		return "boots"
	}
	return "refused"
}

// problem returns the first reason why the image is refused.
func (i inspected) problem() string {
	if len(i.Problems) == 0 {
		return "-"
	}
	return printable(i.Problems[0].Code + ": " + i.Problems[0].Text)
}

// worst returns the error for the exit status of all files.
func worst(all []inspected) error {
	var err error
	for _, i := range all {
		if i.Report == nil {
			return errUnreadable
		}
		if !i.Bootable() {
			err = errRefused
		}
	}
	return err
}
