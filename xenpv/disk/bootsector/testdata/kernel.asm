; A multiboot kernel for tests: prints on COM1 what the loader passed, and ends
; QEMU by its debug exit. Assembled with nasm -f bin and one of -DELF32, -DELF64
; (segments at 1 MiB and 4 MiB, BSS behind the second), and -DAOUT (one segment at 2 MiB).
; -DFLAGS=n sets the header's flags.

%ifndef FLAGS
%define FLAGS 3
%endif
MAGIC equ 0x1badb002

%ifdef AOUT
    %define BASE 0x200000
    %define KIND FLAGS | 0x10000
section .text start=0 vstart=BASE
section .data follows=.text align=16 vfollows=.text valign=16
%else
    %define BASE 0x100000
    %define KIND FLAGS
section .text start=0 vstart=BASE
section .data follows=.text align=16 vstart=0x400000
%endif

bits 32
section .text
base:
%ifdef ELF32
    db 0x7f, "ELF", 1, 1, 1
    times 9 db 0
    dw 2, 3
    dd 1, _start, programs - base, 0, 0
    dw 52, 32, 2, 0, 0, 0
programs:
    dd 1, 0, BASE, BASE, text_end - base, text_end - base, 7, 4096
    dd 1, data_start - data + section..data.start, 0x400000, 0x400000, data_end - data, bss_end - data, 7, 4096
%elifdef ELF64
    db 0x7f, "ELF", 2, 1, 1
    times 9 db 0
    dw 2, 62
    dd 1
    dq _start, programs - base, 0
    dd 0
    dw 64, 56, 2, 0, 0, 0
programs:
    dd 1, 7
    dq 0, BASE, BASE, text_end - base, text_end - base, 4096
    dd 1, 7
    dq section..data.start, 0x400000, 0x400000, data_end - data, bss_end - data, 4096
%else
    times 100 db 0x90           ; the header need not be first
%endif
    align 4
multiboot:
    dd MAGIC, KIND, -(MAGIC + (KIND))
%ifdef AOUT
    dd multiboot, base, data_end, bss_end, _start
%endif

_start:
    mov esp, stack
    cld
    mov ebp, ebx
    mov ecx, bss_end - data_end
    mov edi, data_end
    mov edx, eax
    xor eax, eax
    repe scasb
    sete byte [bss_clear]

    mov esi, t_magic
    mov eax, edx
    call field
    mov esi, t_data             ; the second segment is in place
    mov eax, [data]
    call field
    mov esi, t_bss
    movzx eax, byte [bss_clear]
    call field
    mov esi, t_pics
    in al, 0xa1
    mov ah, al
    in al, 0x21
    movzx eax, ax
    call field
    mov esi, t_a20
    mov edi, 0x7c00
    mov dword [edi], 0x11223344
    mov dword [edi + 31 * 0x100000], 0 ; an odd megabyte, without a module
    mov eax, [edi]
    call field
    mov esi, t_flags            ; IF clear, VM clear
    pushfd
    pop eax
    and eax, 0x20200
    call field
    mov esi, t_cr0              ; PE set, PG clear
    mov eax, cr0
    and eax, 0x80000001
    call field
    mov esi, t_info
    mov eax, [ebp]
    call field
    mov esi, t_lower
    mov eax, [ebp + 4]
    call field
    mov esi, t_upper
    mov eax, [ebp + 8]
    call field
    mov esi, t_device
    mov eax, [ebp + 12]
    call field
    mov esi, t_line
    mov eax, [ebp + 16]
    call string
    mov esi, t_loader
    mov eax, [ebp + 64]
    call string

    mov ebx, [ebp + 48]         ; memory map
    mov edi, [ebp + 44]
    add edi, ebx
.map:
    cmp ebx, edi
    jae .modules
    mov esi, t_map
    mov eax, [ebx + 4]
    call field
    mov esi, t_length
    mov eax, [ebx + 12]
    call field
    mov esi, t_type
    mov eax, [ebx + 20]
    call field
    add ebx, [ebx]
    add ebx, 4
    jmp .map

.modules:
    mov edi, [ebp + 20]
    mov ebx, [ebp + 24]
.module:
    test edi, edi
    jz .done
    mov esi, t_module
    mov eax, [ebx]
    call field
    mov esi, t_end
    mov eax, [ebx + 4]
    call field
    mov esi, t_string
    mov eax, [ebx + 8]
    call string
    mov esi, [ebx]
    xor edx, edx
.sum:
    rol edx, 1
    movzx eax, byte [esi]
    add edx, eax
    inc esi
    cmp esi, [ebx + 4]
    jb .sum
    mov esi, t_sum
    mov eax, edx
    call field
    add ebx, 16
    dec edi
    jmp .module

.done:
    mov esi, t_done
    xor eax, eax
    call field
    mov al, 0
    out 0xf4, al
    cli
    hlt

; field prints the text at ESI, and EAX in hexadecimal.
field:
    pushad
    call print
    mov ebx, eax
    mov ecx, 8
.digit:
    rol ebx, 4
    mov al, bl
    and al, 15
    add al, '0'
    cmp al, '9'
    jbe .put
    add al, 'a' - '9' - 1
.put:
    call put
    loop .digit
    mov al, 10
    call put
    popad
    ret

; string prints the text at ESI, and the one at EAX.
string:
    pushad
    call print
    mov esi, eax
    call print
    mov al, 10
    call put
    popad
    ret

print:
    push eax
.next:
    lodsb
    test al, al
    jz .done
    call put
    jmp .next
.done:
    pop eax
    ret

put:
    push edx
    push eax
    mov dx, 0x3fd
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    pop eax
    mov dl, 0xf8
    out dx, al
    pop edx
    ret

t_magic:  db "magic=", 0
t_data:   db "data=", 0
t_bss:    db "bss=", 0
t_pics:   db "pics=", 0
t_a20:    db "a20=", 0
t_flags:  db "eflags=", 0
t_cr0:    db "cr0=", 0
t_info:   db "info=", 0
t_lower:  db "lower=", 0
t_upper:  db "upper=", 0
t_device: db "device=", 0
t_line:   db "line=", 0
t_loader: db "loader=", 0
t_map:    db "map=", 0
t_length: db "length=", 0
t_type:   db "type=", 0
t_module: db "module=", 0
t_end:    db "end=", 0
t_string: db "string=", 0
t_sum:    db "sum=", 0
t_done:   db "done=", 0
text_end:

section .data
data:
data_start:
    dd 0xdada1234
bss_clear: dd 0
data_end:
absolute data_end
    resb 100003
    resb 4096
    alignb 16
stack:
bss_end:
