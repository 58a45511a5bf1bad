# Creates an AMI from a unikernel image, and keeps it only if an instance of it responds
# on the network.
#
#   packer build -var image=web.xen.gz -var region=eu-west-1 unikernel.pkr.hcl
#
# "make demo" runs it on the local EC2 with the image of examples/hello.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The unikernel's kernel image."
  type        = string
}

variable "ramdisk" {
  description = "The unikernel's ramdisk, if any."
  type        = string
  default     = ""
}

variable "cmdline" {
  description = "The unikernel's command line."
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
  description = "The port on which the unikernel serves HTTP."
  type        = number
  default     = 80
}

variable "console_text" {
  description = "Text that the unikernel writes to its console when it is ready, if any."
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

  # The instance and its security group, which opens only these ports, are removed
  # after the test. If a check fails, the AMI is removed, too.
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
        for_each = compact([var.console_text])
        content {
          contains = console.value
        }
      }
      timeout = "3m"
      report  = var.report
    }
    # Add post-processors for tested AMIs here, in the same block, for example:
    # post-processor "unikernel-copy" {
    #   ami_regions = ["eu-west-1", "us-west-2"]
    # }
    # post-processor "unikernel-publish" {
    #   ami_users      = ["111122223333"]
    #   ssm_parameters = ["/unikernel/{{ .Family }}/{{ .Environment }}/ami"]
    # }
  }
}
