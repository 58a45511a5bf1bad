# Makes an AMI of one unikernel image.
#
#   packer build -var image=web.xen.gz -var region=eu-west-1 unikernel.pkr.hcl
#
# "make demo" runs it on the embedded EC2, with the image of examples/hello.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The kernel image of the unikernel."
  type        = string
}

variable "ramdisk" {
  description = "A ramdisk that is loaded with it, if it needs one."
  type        = string
  default     = ""
}

variable "cmdline" {
  description = "The command line that the unikernel gets."
  type        = string
  default     = ""
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "environment" {
  type    = string
  default = "dev"
}

source "unikernel-ami" "quickstart" {
  image       = var.image
  ramdisk     = var.ramdisk
  cmdline     = var.cmdline
  region      = var.region
  environment = var.environment
  ami_name    = "quickstart-{{ .Environment }}-{{ timestamp }}"
}

build {
  sources = ["source.unikernel-ami.quickstart"]
}
