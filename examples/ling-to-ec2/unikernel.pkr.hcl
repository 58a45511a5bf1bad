# From an Erlang program on LING to a tested AMI in one step:
#
#   railing image -n web -e '-dhcp -s web'
#   packer build unikernel.pkr.hcl
#
# or, with Packer running railing:
#
#   packer build -var build_command="railing image -n web -e '-dhcp -s web'" unikernel.pkr.hcl
#
# railing writes the image and a domain_config that names it, with the command line
# as "extra". The disk's menu.lst passes that line to the node. It must include
# -dhcp, because EC2 assigns addresses by DHCP. The smoke test then launches an
# instance of the AMI, of a type with no more memory than this LING supports, which
# must serve a page. An AMI that fails the test is deregistered.
#
# For a newer instance type, such as t2.nano, use Xen's PV shim:
#
#   packer build -var boot_method=pv-shim unikernel.pkr.hcl
#
# A unikernel with a fixed address compiled in works the same way. It needs a subnet
# that contains this address:
#
#   packer build -var image=www.xen -var subnet_id=subnet-0123456789abcdef0 \
#     -var private_ip_address=10.0.0.5 unikernel.pkr.hcl

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The domain_config, or an image."
  type        = string
  default     = "domain_config"
}

variable "build_command" {
  description = "A command that builds them first, if any."
  type        = string
  default     = ""
}

variable "cmdline" {
  description = "A command line that replaces the extra in domain_config."
  type        = string
  default     = ""
}

variable "boot_method" {
  description = "pv-grub for PV instance types, pv-shim for HVM types on Xen, or auto."
  type        = string
  default     = "auto"
}

variable "name" {
  description = "The prefix of the AMI's name; the environment and a timestamp are appended."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The AMI's region."
  type        = string
  default     = "us-east-1"
}

variable "environment" {
  description = "The environment: part of the AMI's name, and a tag."
  type        = string
  default     = "dev"
}

variable "port" {
  description = "The port on which it serves HTTP."
  type        = number
  default     = 80
}

variable "path" {
  description = "The path of the page that it must serve."
  type        = string
  default     = "/"
}

variable "subnet_id" {
  description = "The subnet for the test. Default: one of the default VPC."
  type        = string
  default     = ""
}

variable "private_ip_address" {
  description = "The address that is compiled into the image, if any. Default: DHCP."
  type        = string
  default     = ""
}

source "unikernel-ami" "web" {
  image         = var.image
  build_command = var.build_command
  cmdline       = var.cmdline
  boot_method   = var.boot_method
  region        = var.region
  environment   = var.environment
  ami_name      = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags          = { Service = var.name }
}

build {
  sources = ["source.unikernel-ami.web"]

  post-processors {
    post-processor "unikernel-smoke-test" {
      name = "smoke-test"
      http {
        port = var.port
        path = var.path
      }
      subnet_id                   = var.subnet_id
      private_ip_address          = var.private_ip_address
      associate_public_ip_address = true
      result                      = "smoke-test.json"
      report                      = "smoke-test.html"
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
