# Makes an AMI of one unikernel image, and keeps it only if an instance of it
# answers on the network.
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

variable "port" {
  description = "The port that the unikernel serves HTTP on."
  type        = number
  default     = 80
}

variable "says" {
  description = "What it writes to its console when it is up, if it does."
  type        = string
  default     = ""
}

variable "report" {
  description = "The report of the smoke test."
  type        = string
  default     = "smoke-test.html"
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

  # The instance and its security group, which opens these ports only, are gone
  # when it ends. Where a check fails, the AMI goes too.
  post-processors {
    post-processor "unikernel-smoke-test" {
      name = "smoke-test"
      tcp {
        port = var.port
      }
      http {
        port = var.port
      }
      icmp {}
      dynamic "console" {
        for_each = compact([var.says])
        content {
          contains = console.value
        }
      }
      timeout = "3m"
      report  = var.report
    }
    # What only a tested AMI may go through comes here, in the same block.
  }
}
