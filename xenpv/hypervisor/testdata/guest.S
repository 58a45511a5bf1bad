# A paravirtual guest in a page of assembly. It writes "guest says: " and its
# command line to its console, and then does what the first letter selects:
# p powers off, r reboots, c crashes, s writes nothing and stays, anything else
# stays.
#
# The layouts are those of Xen's public headers: start_info (xen.h),
# xencons_interface (io/console.h), sched_op (sched.h), event_channel_op
# (event_channel.h). VIRT_BASE is 0, so a pseudo-physical address is a virtual
# one, and the machine-to-physical table lies at its fixed place.

	.macro note type:req, size:req, content:vararg
	.long 4, \size, \type
	.asciz "Xen"
1:	\content
	.balign 4
	.endm

	.section .note.Xen, "", @note
	.ifdef PVH			# --defsym PVH=1: a kernel for PVH only
	note 18, 4, .long _start
	.else
	note 6, 5, .asciz "test"
	note 5, 8, .asciz "xen-3.0"
	note 8, 8, .asciz "generic"
	note 3, 8, .quad 0
	note 1, 8, .quad _start
	note 2, 8, .quad hypercalls
	.endif

	.set CONSOLE_MFN, 72
	.set CONSOLE_PORT, 80
	.set STORE_PORT, 64
	.set COMMAND_LINE, 128
	.set OUT, 1024
	.set OUT_PRODUCER, 3084
	.set EVENT_CHANNEL_OP, 32
	.set SEND, 4
	.set SCHED_OP, 29
	.set SHUTDOWN, 2
	.set POLL, 3

	.text
	.globl _start
_start:
	mov %rsi, %rbx			# start_info
	mov COMMAND_LINE(%rbx), %r12b
	cmp $'s', %r12b
	je stay
	movabs $0xffff800000000000, %rax
	mov CONSOLE_MFN(%rbx), %rcx
	mov (%rax,%rcx,8), %r13
	shl $12, %r13			# the console's page
	lea greeting(%rip), %rsi
	call write
	lea COMMAND_LINE(%rbx), %rsi
	call write
	lea newline(%rip), %rsi
	call write
	mov CONSOLE_PORT(%rbx), %eax
	mov %eax, argument(%rip)
	mov $SEND, %edi
	mov $EVENT_CHANNEL_OP, %eax
	call hypercall

	mov $0, %eax
	cmp $'p', %r12b
	je shutdown
	mov $1, %eax
	cmp $'r', %r12b
	je shutdown
	cmp $'c', %r12b
	jne stay
	ud2

shutdown:
	mov %eax, argument(%rip)
	mov $SHUTDOWN, %edi
	mov $SCHED_OP, %eax
	call hypercall

stay:					# waits for an event that never comes
	lea STORE_PORT(%rbx), %rax
	mov %rax, argument(%rip)
	movl $1, argument+8(%rip)
	movq $0, argument+16(%rip)
	mov $POLL, %edi
	mov $SCHED_OP, %eax
	call hypercall
	jmp stay

hypercall:				# number in eax, command in edi
	lea argument(%rip), %rsi
	shl $5, %eax
	lea hypercalls(%rip), %rcx
	add %rcx, %rax
	push %rbx
	call *%rax
	pop %rbx
	ret

write:					# the string at rsi to the console's ring
	lodsb
	test %al, %al
	jz 2f
	mov OUT_PRODUCER(%r13), %ecx
	mov %ecx, %edx
	and $2047, %edx
	mov %al, OUT(%r13,%rdx)
	inc %ecx
	mov %ecx, OUT_PRODUCER(%r13)
	jmp write
2:	ret

	.data
greeting: .asciz "guest says: "
newline: .asciz "\r\n"
	.balign 8
argument: .quad 0, 0, 0
	.balign 4096
hypercalls: .skip 4096

	.ifdef FILL			# --defsym FILL=N: a kernel that is N bytes larger
	.data
	.fill FILL, 1, 0xa5
	.endif
